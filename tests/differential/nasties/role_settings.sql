-- What a role is given holds from its next session on.
ALTER ROLE CURRENT_USER SET search_path = nowhere;
CREATE TABLE t (a int);
ALTER ROLE CURRENT_USER RESET search_path;
