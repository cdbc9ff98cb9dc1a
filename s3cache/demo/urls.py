"""The pages' addresses."""

from __future__ import annotations

from django.urls import path

from s3cache.demo import views

urlpatterns = [
    path("", views.home, name="home"),
    path("module/<str:name>/", views.module, name="module"),
    path("search/", views.search, name="search"),
    path("cache/", views.about_cache, name="cache"),
    path("cache/clear/", views.clear, name="clear"),
    path("demo.css", views.stylesheet, name="stylesheet"),
]
