"""Areas in PostGIS."""

import json

import asyncpg

from . import conf


async def connect():
    """Open one connection; the caller closes it."""
    return await asyncpg.connect(
        host=conf.DB_HOST,
        database=conf.DB_NAME,
        user=conf.DB_USER,
        password=conf.DB_PASSWORD,
        timeout=5,
    )


def feature(row):
    """A row of the areas table as a GeoJSON feature."""
    return {
        "type": "Feature",
        "id": row["aid"],
        "geometry": json.loads(row["geometry"]),
        "properties": {
            "name": row["name"],
            "priority": row["priority"],
            "square_km": row["square_km"],
        },
    }


COLUMNS = """
    aid, name, priority,
    ST_AsGeoJSON(border) AS geometry,
    round((ST_Area(border::geography) / 1e6)::numeric, 3)::float AS square_km
"""


async def all_areas():
    """Every area as a GeoJSON FeatureCollection, the important ones first."""
    connection = await connect()
    try:
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM areas ORDER BY priority DESC, aid"
        )
    finally:
        await connection.close()
    return {"type": "FeatureCollection", "features": [feature(row) for row in rows]}


async def add_area(name, priority, geometry):
    """Store a new area and return it as a feature."""
    connection = await connect()
    try:
        row = await connection.fetchrow(
            f"""
            INSERT INTO areas (name, priority, border)
            VALUES ($1, $2, ST_SetSRID(ST_GeomFromGeoJSON($3), 4326))
            RETURNING {COLUMNS}
            """,
            name,
            priority,
            json.dumps(geometry),
        )
    finally:
        await connection.close()
    return feature(row)
