"""A bare DRF view with one read, and a view that does nothing (what the client itself costs)."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework import generics, serializers

from members.models import Member


class MemberSerializer(serializers.ModelSerializer[Member]):
    class Meta:
        model = Member
        fields = ("id", "name", "phone", "status")


class MemberView(generics.RetrieveAPIView[Member]):
    queryset = Member.objects.all()
    serializer_class = MemberSerializer


def nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("{}", content_type="application/json", headers={"Content-Length": "2"})


urlpatterns = [path("members/<int:pk>", MemberView.as_view()), path("nothing", nothing)]
