CREATE TABLE visits (
  account INTEGER NOT NULL,
  page TEXT NOT NULL,
  PRIMARY KEY (account, page)
) WITHOUT ROWID;
