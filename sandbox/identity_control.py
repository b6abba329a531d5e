"""The control API of the identity provider: people, clients, keys."""

from flask import Blueprint, Response, request

from sandbox.identity import Identity
from sandbox.identity_protocol import json_response
from sandbox.providers import Refused, refused


def blueprint(identity: Identity) -> Blueprint:
    """Return the routes under /control/identity."""
    routes = Blueprint("identity_control", __name__, url_prefix="/control/identity")

    @routes.errorhandler(Refused)
    def refuse(refusal: Refused) -> Response:
        """Say what cannot be."""
        return refused(refusal)

    @routes.get("/people")
    def list_people() -> Response:
        """List everybody with an account, samples first."""
        return json_response(200, {"items": identity.people.list_people()})

    @routes.post("/people")
    def save_person() -> Response:
        """Add a person, or change the named fields of one."""
        person, new = identity.people.save(request.get_json(silent=True))
        return json_response(201 if new else 200, person)

    @routes.get("/clients")
    def list_clients() -> Response:
        """List the registered clients without their secrets."""
        return json_response(200, {"items": identity.clients.list_clients()})

    @routes.post("/clients")
    def register_client() -> Response:
        """Register a client, or replace the one with this client_id."""
        client, new = identity.clients.register(request.get_json(silent=True))
        return json_response(201 if new else 200, client)

    @routes.delete("/clients/<client_id>")
    def delete_client(client_id: str) -> Response:
        """Forget a client."""
        deleted = identity.clients.delete(client_id)
        return json_response(200 if deleted else 404, {"deleted": deleted})

    @routes.get("/keys")
    def list_keys() -> Response:
        """List the published keys, the signing one first."""
        return json_response(200, {"items": identity.keys.list_keys()})

    @routes.post("/rotate-keys")
    def rotate_keys() -> Response:
        """Sign with a new key; with {"withdraw": true} the old ones vanish at once."""
        asked = request.get_json(silent=True) if request.get_data() else {}
        withdraw = asked.get("withdraw", False) if isinstance(asked, dict) else None
        if not isinstance(withdraw, bool):
            raise Refused(400, "invalid_request", 'Send {"withdraw": true}, or nothing.')
        kid = identity.keys.rotate(withdraw=withdraw)
        return json_response(200, {"kid": kid, "items": identity.keys.list_keys()})

    return routes
