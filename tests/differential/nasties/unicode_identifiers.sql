CREATE TABLE U&"t\0041" ("semi;colon" int, "quo""te;" text, " -- " int, "/*" int, "$$" int, "\" int);
INSERT INTO "tA" ("semi;colon", "quo""te;", " -- ", "/*", "$$", "\") VALUES (1, ';', 2, 3, 4, 5);
CREATE TABLE "🐘;" ("ключ" int, "名前" text, café int, ÀÉÎ int);
INSERT INTO "🐘;" VALUES (1, '名;前', 2, 3);
COMMENT ON TABLE "🐘;" IS 'ein Elefant; 🐘''s';
