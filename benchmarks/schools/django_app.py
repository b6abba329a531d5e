"""The list of schools as Django REST framework would have it, in one file; runs in a venv of its own."""

from django_beside import set_up

set_up(__name__)

from django.contrib.postgres.fields import ArrayField  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402


class School(models.Model):
    id = models.UUIDField(primary_key=True)
    name = models.TextField()
    state = models.TextField()
    levels = ArrayField(models.TextField())
    ownership = models.TextField(null=True)
    programmes = ArrayField(models.TextField())
    commune_code = models.TextField()
    commune_name = models.TextField()
    province_code = models.TextField()
    province_name = models.TextField()
    address = models.TextField(null=True)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    standard_level = models.IntegerField(null=True)
    standard_until = models.DateField(null=True)
    is_example = models.BooleanField()
    sort_key = models.TextField()

    class Meta:
        app_label = "schools"
        db_table = "bench_school"
        managed = False


class SchoolSerializer(serializers.ModelSerializer):
    class Meta:
        model = School
        exclude = ("sort_key",)


class Schools(generics.GenericAPIView):
    serializer_class = SchoolSerializer

    def get(self, request):
        asked = request.query_params
        found = School.objects.filter(province_code=asked["province"], levels__contains=[asked["level"]])
        found = found.order_by("sort_key", "id")[: int(asked.get("limit", 20))]
        return Response({"items": self.get_serializer(found, many=True).data})


urlpatterns = [path("schools", Schools.as_view())]
application = get_wsgi_application()
