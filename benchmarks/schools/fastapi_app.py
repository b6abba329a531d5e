"""The list of schools as a FastAPI application with SQLAlchemy's async ORM would have it; runs in a venv of its own."""

import os
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Text, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["BENCH_URL_ASYNCPG"], pool_size=4, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class School(Base):
    __tablename__ = "bench_school"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str]
    levels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    ownership: Mapped[str | None]
    programmes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    commune_code: Mapped[str]
    commune_name: Mapped[str]
    province_code: Mapped[str]
    province_name: Mapped[str]
    address: Mapped[str | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    standard_level: Mapped[int | None]
    standard_until: Mapped[date | None]
    is_example: Mapped[bool]
    sort_key: Mapped[str]


class SchoolOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    state: str
    levels: list[str]
    ownership: str | None
    programmes: list[str]
    commune_code: str
    commune_name: str
    province_code: str
    province_name: str
    address: str | None
    lat: float | None
    lon: float | None
    standard_level: int | None
    standard_until: date | None
    is_example: bool


class Page(BaseModel):
    items: list[SchoolOut]


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


@app.get("/schools", response_model=Page)
async def list_schools(
    db: Annotated[AsyncSession, Depends(session)],
    province: Annotated[str, Query(pattern="^[0-9]{2}$")],
    level: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page:
    found = await db.scalars(
        select(School)
        .where(School.province_code == province, School.levels.contains([level]))
        .order_by(School.sort_key, School.id)
        .limit(limit)
    )
    return Page(items=[SchoolOut.model_validate(school) for school in found])
