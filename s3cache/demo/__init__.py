"""``python -m s3cache demo``: a small Django site that browses Python's standard library, and shows the cache at work.

    command     the command line             settings    the command line as Django's settings
    starting    Django, over a cache that answers
    server      the HTTP server              store       the cache
    check       --check, with its tables     tour        what it visits, over HTTP
    library     the modules and their source outline     what a module defines and imports
    rendering   source -> highlighted HTML   figures     numbers of a package         search   names of the whole library
    views, urls, templates, static           the pages
    measuring   computed or cached, and in how many ms; told on every page
    history     the times of the pages visited, for the plot
    labels      which stored object belongs to which page and API
    inventory   what is stored               plot        computed against cached times, as SVG
    failures    a store that does not answer units       numbers as people read them

Every module's page is rendered with Pygments each time it is computed: real work on real input, nothing is slowed down
on purpose. Three of Django's cache APIs are shown: ``cache_page`` keeps whole pages (``views.module``), the ``{% cache %}``
tag keeps the lists of modules (``templates/``), and the low-level API keeps the numbers and the search index (``views.home``,
``views.search``).
"""
