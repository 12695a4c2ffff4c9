DROP TABLE portal_sync;
