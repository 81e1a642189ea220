-- Makes the databases of docker-compose.yml, each with an owner of its own who may do nothing else on the server.
-- PostgreSQL's image runs it once, when its volume is new. The passwords come from the container's variables.
\getenv care_password POSTGRES_CARE_PASSWORD
\getenv temporal_password POSTGRES_TEMPORAL_PASSWORD

CREATE ROLE care LOGIN PASSWORD :'care_password';
CREATE DATABASE care OWNER care;

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
