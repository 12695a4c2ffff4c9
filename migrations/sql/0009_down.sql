DROP TABLE leaves;
DROP TABLE log_tiles;
DROP TABLE checkpoints;
DROP TABLE salts;
DROP FUNCTION refuse_another_tile();
