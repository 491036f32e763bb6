"""Settings, all from the environment."""

import os

DB_HOST = os.environ.get("DB_HOST", "localhost")
DB_NAME = os.environ.get("POSTGRES_DB", "areas")
DB_USER = os.environ.get("POSTGRES_USER", "areas")
DB_PASSWORD = os.environ.get("POSTGRES_PASSWORD", "pass")

# Signs sessions and tokens. A deployment sets its own.
SECRET = os.environ.get("AREAS_SECRET", "for local trials only")

OAUTH_CLIENT = os.environ.get("AREAS_OAUTH_CLIENT", "areas")
OAUTH_AUTHORIZE_URL = os.environ.get(
    "AREAS_OAUTH_URL", "https://www.openstreetmap.org/oauth2/authorize"
)
OAUTH_CALLBACK_URL = os.environ.get(
    "AREAS_CALLBACK_URL", "http://localhost:8000/auth/callback"
)
