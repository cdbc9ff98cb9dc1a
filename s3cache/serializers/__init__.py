"""The built-in serializers by name."""

SERIALIZERS = {
    "json": "s3cache.serializers.json.JSONSerializer",
    "msgpack": "s3cache.serializers.msgpack.MsgpackSerializer",
    "pickle": "s3cache.serializers.pickle.PickleSerializer",
}
