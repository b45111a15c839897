"""What touches the machine: the command line, the streams and signals, and what is said on stderr."""
