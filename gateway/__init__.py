"""The core of Cổng 4 and the shell around it."""
