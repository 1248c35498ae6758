"""Lists that come by themselves and results that go back: watched folders, queries of other databases, and results out to files, tables,
webhooks and MQTT, delivered once the store has them (L13, L14, L15, L22, D31).
"""
