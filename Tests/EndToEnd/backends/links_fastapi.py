"""A FastAPI app that redirects; ROOT_PATH tells it the prefix that its proxy strips."""

import os

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

app = FastAPI(root_path=os.environ.get("ROOT_PATH", ""))


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/old")
async def old():
    return RedirectResponse("/new/")


@app.get("/old-named")
async def old_named(request: Request):
    return RedirectResponse(request.url_for("new"))


@app.get("/new/")
async def new():
    """Starlette redirects `/new` here by itself."""
    return {"page": "new"}


@app.get("/login")
async def login():
    response = RedirectResponse("new/")
    response.set_cookie("session", "x", httponly=True)
    return response


@app.get("/seen")
async def seen(request: Request):
    return {
        "client": request.client.host,
        "scheme": request.url.scheme,
        "host": request.headers["host"],
        "root": request.scope.get("root_path"),
    }
