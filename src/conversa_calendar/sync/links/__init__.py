"""What a link says of one event here and its counterpart, and how what comes from a provider is applied to both."""
