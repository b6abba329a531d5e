"""How Django is set up to be measured; runs in a venv of its own."""

import os

import django
from django.conf import settings


def set_up(urls: str) -> None:
    """Before any model is made; `urls` names the module with urlpatterns."""
    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        INSTALLED_APPS=["django.contrib.postgres", "rest_framework"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # gives answers their length
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_PERMISSION_CLASSES": [],
            "UNAUTHENTICATED_USER": None,
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": os.environ["BENCH_DATABASE"],
                "HOST": os.environ["BENCH_HOST"],
                "PORT": os.environ["BENCH_PORT"],
                "USER": os.environ["BENCH_USER"],
                "CONN_MAX_AGE": None,
            }
        },
    )
    django.setup()
