"""The control plane: commands, state and events of a node over MQTT 5.

``address`` says where the broker is, ``broker`` runs our own Mosquitto, ``bus`` is the one place that knows the MQTT library,
``topics`` and ``envelope`` hold the names and the frame of every message, ``verbs`` lists what a node can be told, ``server``
answers it, ``client`` asks it, and ``asyncapi`` writes all of that down as a document.
"""
