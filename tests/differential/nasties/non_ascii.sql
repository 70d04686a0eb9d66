-- Kommentär ; naïve “quotes” ‘single’ « ; »
CREATE TABLE größe (länge int DEFAULT 1, "über;" text);
INSERT INTO größe VALUES (1, 'Ä;ö'), (2, '“;”'), (3, E'\'é;'), (4, $ü$ß; $ $ü$), (5, 'a﻿b;');
SELECT länge   FROM größe; /* 名; */ SELECT 'é' AS ключ;
