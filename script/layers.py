"""Who may use whom: the layer table of docs/ARCHITECTURE.md as data. script/lint proves it."""

# A folder of src/ and the folders whose headers it may include, beside its own.
LAYERS = {
    "util": [],
    "core": ["util"],
    "media": ["util", "core"],
    "storage": ["util", "core"],
    "crypto": ["util"],
    "db": ["util", "core", "crypto"],
    "rpc": ["util", "core"],
    "coordinator": ["util", "core", "crypto", "db", "rpc"],
    "worker": ["util", "core", "storage", "rpc"],
    "client": ["util", "core", "rpc", "storage"],
}

# A third-party header (a prefix of what stands in <…>) and the only folders that may include it. Every header that is
# neither here nor in SYSTEM is refused: a new dependency has to say who owns it.
OWNERS = {
    "libavcodec/": ["media"],
    "libavfilter/": ["media"],
    "libavformat/": ["media"],
    "libavutil/": ["media"],
    "libswresample/": ["media"],
    "libswscale/": ["media"],
    "sqlite3.h": ["db"],
    "libpq-fe.h": ["db"],
    "grpc/": ["rpc"],
    "protobuf-c/": ["rpc"],
    "curl/": ["storage"],
    "openssl/": ["crypto", "storage"],
    "jansson.h": ["client"],
    "microhttpd.h": ["coordinator"],
}

# Headers of libc and the kernel: any folder but core.
SYSTEM = """
    arpa/inet.h assert.h ctype.h dirent.h dlfcn.h endian.h errno.h fcntl.h fnmatch.h getopt.h inttypes.h limits.h linux/ locale.h math.h
    netdb.h netinet/ poll.h pthread.h pwd.h sched.h setjmp.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h stdbool.h
    stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h sys/ termios.h threads.h time.h unistd.h wchar.h
""".split()

# core is pure: no I/O, clock or thread, so it has no business with the headers that declare them.
PURE = {
    "core": """
        assert.h ctype.h errno.h inttypes.h limits.h math.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h
        string.h strings.h
    """.split(),
}

# A program and the only libraries of the named families that it may need at run time.
FAMILIES = {
    "media": r"lib(av|sw|SvtAv1)",
    "grpc": r"lib(grpc|gpr|protobuf)",
    "sqlite": r"libsqlite3",
    "pq": r"libpq",
    "curl": r"libcurl",
    "jansson": r"libjansson",
    "microhttpd": r"libmicrohttpd",
}
PROGRAMS = {
    "client/avspl1t": ["grpc", "curl", "jansson"],
    "coordinator/avspl1t-coordinator": ["grpc", "sqlite", "pq", "microhttpd"],
    "worker/avspl1t-worker": ["grpc", "curl"],
    "media/avspl1t-media": ["media"],
}

# What protobuf-c makes of the packages of .proto files.
GENERATED_PREFIXES = ("com__avspl1t__", "google__protobuf__", "grpc__")

# Functions that are never called, and what stands in their place.
BANNED = {
    "strcpy": "struct avsp_buf or snprintf",
    "strcat": "struct avsp_buf or snprintf",
    "strncpy": "memcpy with a known length",
    "strncat": "struct avsp_buf",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "getline",
    "atoi": "util/parse.h",
    "atol": "util/parse.h",
    "atoll": "util/parse.h",
    "atof": "util/parse.h",
    "strtok": "strtok_r",
    "scanf": "util/parse.h",
    "sscanf": "util/parse.h",
    "fscanf": "util/parse.h",
    "system": "posix_spawn or fork and exec",
    "popen": "posix_spawn or fork and exec",
    "localtime": "util/time.h",
    "gmtime": "gmtime_r",
    "ctime": "util/time.h",
    "asctime": "util/time.h",
    "rand": "util/id.h",
    "srand": "util/id.h",
    "random": "util/id.h",
    "mktemp": "mkstemp",
    "tmpnam": "mkstemp",
    "tempnam": "mkstemp",
    "alloca": "heap memory",
}
