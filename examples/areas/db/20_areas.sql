CREATE EXTENSION IF NOT EXISTS postgis;

CREATE TABLE areas (
    aid serial PRIMARY KEY,
    name text NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    border geometry(Polygon, 4326) NOT NULL
);

INSERT INTO areas (name, priority, border) VALUES
    ('Harbour', 2, ST_GeomFromText('POLYGON((14.40 50.08, 14.42 50.08, 14.42 50.09, 14.40 50.09, 14.40 50.08))', 4326)),
    ('Old mill', 1, ST_GeomFromText('POLYGON((14.44 50.06, 14.45 50.06, 14.45 50.07, 14.44 50.07, 14.44 50.06))', 4326)),
    ('North field', 0, ST_GeomFromText('POLYGON((14.40 50.12, 14.43 50.12, 14.43 50.14, 14.40 50.14, 14.40 50.12))', 4326));
