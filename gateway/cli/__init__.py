"""The command line, one module a noun: each says what its commands are called, ask for, and do."""
