"""Makes a city folder, the broker's configuration, the broker itself, and its streams.

``make_city(folder, demo_plan())`` makes a city folder (``interactive_plan(ask)`` asks for another plan);
``EmbeddedBroker`` runs nats-server on it, and ``keep_running`` starts it again; ``provision(city, url)`` makes the
streams and durables of the city's realm; its ``accounts_changed`` tells whether the broker must ``reload``.
``read_envelope`` and ``read_manifest`` give the signed authority manifest, for the registry's first event.
"""

from services.provision.accounts.accounts_conf import REALMS
from services.provision.broker.embedded import EmbeddedBroker
from services.provision.broker.keeping import keep_running
from services.provision.broker.preflight import find_nats_server, store_for
from services.provision.broker.streams import Provisioned, provision
from services.provision.city.city_init import ROOTS, make_city
from services.provision.city.manifests import read_envelope, read_manifest
from services.provision.city.message_templates import write_templates
from services.provision.city.new_folder import check_new
from services.provision.plan.city_plan import CityPlan, demo_plan
from services.provision.plan.interactive import interactive_plan

__all__ = [
    "REALMS",
    "ROOTS",
    "CityPlan",
    "EmbeddedBroker",
    "Provisioned",
    "check_new",
    "demo_plan",
    "find_nats_server",
    "interactive_plan",
    "keep_running",
    "make_city",
    "provision",
    "read_envelope",
    "read_manifest",
    "store_for",
    "write_templates",
]
