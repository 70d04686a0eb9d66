-- nothing
/* here; */
