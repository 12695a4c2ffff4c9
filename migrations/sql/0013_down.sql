DROP TABLE case_papers;
