"""Guides near a point as Django REST framework has them, in one file; runs in a venv of its own."""

import math

from django_beside import set_up

set_up(__name__)

from django.contrib.postgres.fields import ArrayField  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.db.models import F, FloatField, Value  # noqa: E402
from django.db.models.functions import ASin, Cos, Least, Power, Radians, Sin, Sqrt  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402

RADIUS_OF_EARTH = 6371008.8


class Guide(models.Model):
    id = models.UUIDField(primary_key=True)
    slug = models.TextField()
    short_code = models.TextField()
    kind = models.TextField()
    category = models.TextField()
    tags = ArrayField(models.TextField())
    heritage_rank = models.TextField(null=True)
    title = models.TextField()
    summary = models.TextField()
    content_language = models.TextField()
    field_languages = models.JSONField()
    missing_languages = ArrayField(models.TextField())
    lat = models.FloatField()
    lon = models.FloatField()
    commune_code = models.TextField(null=True)
    commune = models.TextField(null=True)
    province = models.TextField(null=True)
    is_free = models.BooleanField(null=True)
    is_accessible = models.BooleanField(null=True)
    version = models.IntegerField()

    class Meta:
        app_label = "tourism"
        db_table = "bench_guide"
        managed = False


class GuideSerializer(serializers.ModelSerializer):
    distance_m = serializers.SerializerMethodField()

    class Meta:
        model = Guide
        fields = "__all__"

    def get_distance_m(self, guide):
        return round(guide.distance)


class Guides(generics.GenericAPIView):
    serializer_class = GuideSerializer

    def get(self, request):
        asked = request.query_params
        lat, lon = map(float, asked["near"].split(","))
        radius = float(asked["radius"])
        high = math.degrees(radius / RADIUS_OF_EARTH)
        wide = high / math.cos(math.radians(lat))
        root = Sqrt(
            Power(Sin(Radians(F("lat") - Value(lat)) / 2.0), 2.0)
            + Value(math.cos(math.radians(lat)))
            * Cos(Radians(F("lat")))
            * Power(Sin(Radians(F("lon") - Value(lon)) / 2.0), 2.0)
        )
        distance = Value(2 * RADIUS_OF_EARTH) * ASin(Least(Value(1.0), root, output_field=FloatField()))
        found = (
            Guide.objects.filter(
                category=asked["category"], lat__range=(lat - high, lat + high), lon__range=(lon - wide, lon + wide)
            )
            .annotate(distance=distance)
            .filter(distance__lte=radius)
            .order_by("distance", "id")[: int(asked.get("limit", 20))]
        )
        return Response({"items": self.get_serializer(found, many=True).data})


urlpatterns = [path("guides", Guides.as_view())]
application = get_wsgi_application()
