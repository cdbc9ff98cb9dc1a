"""nginx as a fast object store: its DAV module keeps objects as files, and Lua gives the answers that S3's clients expect.

It answers in a fraction of the time that any client takes for a request. It knows PUT, GET, HEAD and DELETE of one object, the
batch delete, conditional reads, and the CreateSession of a directory bucket; no listing, conditional writes or signatures.

References: https://nginx.org/en/docs/http/ngx_http_dav_module.html, https://github.com/openresty/lua-nginx-module
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.conditions import where
from benchmarks.processes import free_port, in_memory, serving
from benchmarks.server import MISSING, SESSION

MODULES = Path("/usr/lib/nginx/modules")
LUA = MODULES / "ngx_http_lua_module.so"

# A PUT has no etag of nginx's, which clients insist on, and answers 201 or 204, which minio takes for failures.
CONFIGURATION = """
load_module {modules}/ndk_http_module.so;
load_module {lua};
daemon off;
worker_processes 1;
{user}
pid {directory}/pid;
error_log {directory}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  default_type binary/octet-stream;
  server {{
    listen 127.0.0.1:{port};
    root {directory}/objects;
    merge_slashes off;
    log_not_found off;
    location / {{
      dav_methods PUT DELETE;
      create_full_put_path on;
      {delay}
      if ($args = session) {{ return 200 '{session}'; }}
      if ($request_method = PUT) {{ add_header ETag '"00000000000000000000000000000000"'; }}
      if ($request_method = POST) {{ return 418; }}
      header_filter_by_lua_block {{
        if ngx.req.get_method() == "PUT" and (ngx.status == 201 or ngx.status == 204) then
          ngx.status = 200
          ngx.header["Content-Length"] = 0
        end
      }}
      error_page 404 = @missing;
      error_page 418 = @batch;
    }}
    location @missing {{
      default_type application/xml;
      if ($request_method = DELETE) {{ return 204; }}
      return 404 '{missing}';
    }}
    location @batch {{
      default_type application/xml;
      content_by_lua_block {{
        ngx.req.read_body()
        local bucket, deleted = ngx.var.document_root .. ngx.var.uri:gsub("/$", ""), {{}}
        for key in (ngx.req.get_body_data() or ""):gmatch("<Key>(.-)</Key>") do
          os.remove(bucket .. "/" .. key)
          deleted[#deleted + 1] = "<Deleted><Key>" .. key .. "</Key></Deleted>"
        end
        ngx.print("<DeleteResult>" .. table.concat(deleted) .. "</DeleteResult>")
      }}
    }}
  }}
}}
"""
DELAY = "access_by_lua_block {{ ngx.sleep({:f}) }}"


def installed() -> bool:
    return where("nginx") is not None and LUA.exists()


@contextmanager
def running(delay: float = 0.0) -> Iterator[str]:
    """The URL of one that runs as long as the block, and waits ``delay`` seconds before each answer."""
    port, program = free_port(), where("nginx")
    assert program is not None
    with tempfile.TemporaryDirectory(dir=in_memory(), prefix="benchmark-nginx-") as directory:
        Path(directory, "objects").mkdir()
        path = Path(directory, "nginx.conf")
        path.write_text(configuration(directory, port, delay))
        with serving([program, "-c", str(path), "-p", directory, "-e", f"{directory}/error.log"], port):
            yield f"http://127.0.0.1:{port}"


def configuration(directory: str, port: int, delay: float) -> str:
    return CONFIGURATION.format(
        modules=MODULES,
        lua=LUA,
        directory=directory,
        port=port,
        user="user root;" if os.geteuid() == 0 else "",  # else it would give up the rights to its own directory
        delay=DELAY.format(delay) if delay else "",
        missing=MISSING.decode(),
        session=SESSION.decode(),
    )
