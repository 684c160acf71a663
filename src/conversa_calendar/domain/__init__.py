"""Calendar values in the words of RFC 5545: frozen, typed, without I/O."""
