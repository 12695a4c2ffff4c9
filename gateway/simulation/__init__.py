"""Days in seconds: the whole gateway among every provider of the sandbox, under a clock of our own."""
