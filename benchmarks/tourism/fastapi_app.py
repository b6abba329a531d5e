"""Guides near a point as a FastAPI application with SQLAlchemy's async ORM has them; runs in a venv of its own."""

import math
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RADIUS_OF_EARTH = 6371008.8
engine = create_async_engine(os.environ["BENCH_URL_ASYNCPG"], pool_size=4, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Guide(Base):
    __tablename__ = "bench_guide"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    short_code: Mapped[str]
    kind: Mapped[str]
    category: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    heritage_rank: Mapped[str | None]
    title: Mapped[str]
    summary: Mapped[str]
    content_language: Mapped[str]
    field_languages: Mapped[dict[str, Any]] = mapped_column(JSONB)
    missing_languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    lat: Mapped[float]
    lon: Mapped[float]
    commune_code: Mapped[str | None]
    commune: Mapped[str | None]
    province: Mapped[str | None]
    is_free: Mapped[bool | None]
    is_accessible: Mapped[bool | None]
    version: Mapped[int]


class GuideOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    slug: str
    short_code: str
    kind: str
    category: str
    tags: list[str]
    heritage_rank: str | None
    title: str
    summary: str
    content_language: str
    field_languages: dict[str, Any]
    missing_languages: list[str]
    lat: float
    lon: float
    commune_code: str | None
    commune: str | None
    province: str | None
    is_free: bool | None
    is_accessible: bool | None
    version: int
    distance_m: int


class Page(BaseModel):
    items: list[GuideOut]


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


@app.get("/guides", response_model=Page)
async def list_guides(
    db: Annotated[AsyncSession, Depends(session)],
    near: Annotated[str, Query(pattern=r"^-?[0-9.]+,-?[0-9.]+$")],
    radius: Annotated[float, Query(gt=0, le=100_000)],
    category: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page:
    lat, lon = map(float, near.split(","))
    high = math.degrees(radius / RADIUS_OF_EARTH)
    wide = high / math.cos(math.radians(lat))
    root = func.sqrt(
        func.power(func.sin(func.radians(Guide.lat - lat) / 2), 2)
        + math.cos(math.radians(lat))
        * func.cos(func.radians(Guide.lat))
        * func.power(func.sin(func.radians(Guide.lon - lon) / 2), 2)
    )
    distance = (2 * RADIUS_OF_EARTH * func.asin(func.least(1, root))).label("distance")
    found = await db.execute(
        select(Guide, distance)
        .where(
            Guide.category == category,
            Guide.lat.between(lat - high, lat + high),
            Guide.lon.between(lon - wide, lon + wide),
            distance <= radius,
        )
        .order_by(distance, Guide.id)
        .limit(limit)
    )
    items = []
    for guide, away in found:
        guide.distance_m = round(away)
        items.append(GuideOut.model_validate(guide))
    return Page(items=items)
