"""The only SQL: functions over a connection, one module per noun."""
