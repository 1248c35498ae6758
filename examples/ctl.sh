#!/bin/sh
# Steer a running node from the shell: make a campaign, fill it, start it, watch it, change it, stop it.
#
#   offhook run --config examples/offhook.toml &     # in another terminal
#   examples/ctl.sh notice.wav customers.csv
#
# The same works with any MQTT 5 client; the last lines show it with mosquitto_sub and mosquitto_rr (Debian: mosquitto-clients).
set -eu

prompt=$(realpath "${1:?usage: ctl.sh PROMPT.wav LIST.csv}")
list=$(realpath "${2:?usage: ctl.sh PROMPT.wav LIST.csv}")
name=spring-$(date +%H%M%S)

offhook ctl status >/dev/null
offhook ctl campaign.create name="$name" title="Spring notice" prompt="$prompt" lines=60 'dtmf={"1": "call me back"}'
offhook ctl campaign.import campaign="$name" path="$list" --timeout 120
offhook ctl campaign.start campaign="$name"

sleep 20
offhook ctl set_limits campaign="$name" lines=120 calls_per_second=10 # effective with the next call
offhook ctl campaign.pause campaign="$name"                           # calls in progress go on
offhook ctl campaign.resume campaign="$name"

sleep 20
offhook ctl campaign.report campaign="$name"
offhook ctl calls campaign="$name" limit=5
offhook ctl campaign.stop campaign="$name"

# Without offhook's own client (socket and node as in the configuration):
#   mosquitto_sub --unix offhook-data/broker/mqtt.sock -V 5 -v -t 'offhook/1/node1/state/#' -t 'offhook/1/node1/ev/#'
#   mosquitto_rr  --unix offhook-data/broker/mqtt.sock -V 5 -D publish correlation-data "$(date +%s%N)" \
#       -t offhook/1/node1/cmd/campaign.start -e my/replies -m '{"campaign": "spring"}'
