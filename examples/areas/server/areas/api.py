"""The HTTP interface: run `uvicorn areas.api:app` in the folder above."""

import datetime

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.security import OAuth2PasswordBearer
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import BaseModel
from requests_oauthlib import OAuth2Session

from . import conf, db

app = FastAPI(title="Areas", description="Areas to be mapped, as GeoJSON.")
bearer = OAuth2PasswordBearer(tokenUrl="token")
states = URLSafeTimedSerializer(conf.SECRET, salt="oauth state")


class NewArea(BaseModel):
    """What a mapper proposes."""

    name: str
    priority: int = 0
    geometry: dict


@app.exception_handler(OSError)
async def no_database(request: Request, error: OSError):
    """The database is not there (yet): say so, and let the client retry."""
    return JSONResponse(
        {"detail": "the database does not answer"},
        status_code=503,
        headers={"Retry-After": "2"},
    )


@app.get("/areas")
async def list_areas():
    """Every area, as a GeoJSON FeatureCollection."""
    return await db.all_areas()


def mapper(token: str = Depends(bearer)):
    """Name of the mapper whom the token belongs to."""
    try:
        return jwt.decode(token, conf.SECRET, algorithms=["HS256"])["sub"]
    except jwt.PyJWTError as error:
        raise HTTPException(status_code=401, detail="the token is not valid") from error


@app.post("/areas", status_code=201)
async def add_area(area: NewArea, name: str = Depends(mapper)):
    """Propose an area. Needs a token."""
    return await db.add_area(area.name, area.priority, area.geometry)


@app.get("/auth/login")
async def login():
    """Send the mapper to the map's own log-in page."""
    session = OAuth2Session(
        conf.OAUTH_CLIENT, redirect_uri=conf.OAUTH_CALLBACK_URL, scope=["read_prefs"]
    )
    url, _ = session.authorization_url(
        conf.OAUTH_AUTHORIZE_URL, state=states.dumps("log in")
    )
    return RedirectResponse(url)


@app.get("/auth/callback")
async def callback(state: str):
    """Back from the log-in page: a signed state buys a token for an hour."""
    try:
        states.loads(state, max_age=600)
    except BadSignature as error:
        raise HTTPException(status_code=400, detail="unknown state") from error
    now = datetime.datetime.now(datetime.timezone.utc)
    claims = {"sub": "mapper", "exp": now + datetime.timedelta(hours=1)}
    return {
        "access_token": jwt.encode(claims, conf.SECRET, algorithm="HS256"),
        "token_type": "bearer",
    }
