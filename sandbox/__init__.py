"""The world outside, played on this machine on the real wire formats."""
