"""The pure core of sync: compares base, local and remote and says what to do. No I/O, no clock, no dice."""
