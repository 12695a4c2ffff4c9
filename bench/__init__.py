"""Benchmarks: each prints a table for people and one JSON object a line, beside a limit measured in the same run."""
