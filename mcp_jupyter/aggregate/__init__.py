# SPDX-License-Identifier: BSD-3-Clause
"""One MCP server that offers what all live notebooks offer, so that a host is configured once.

Towards a host the hub is a server in both eras; towards each notebook it is a client over a link of its
own. A session (`session`) is one `Connection` whose handler answers what is about all notebooks
itself, and passes every other request on through a `Connection` to the notebook that it names (`upstream`).
So ids, time-outs, limits and cancellation in both directions are the engine's, and nothing is written by
hand. It is no low-level `Server`: that would keep rounds and tasks of its own (it would seal a
`requestState` around the notebook's, and open it on the way back), where the hub must pass them through.
It is no router of messages either: that would need the tables of requests in flight a second time.

What passes, and how it finds its notebook (`names`):

* Tools and prompts: `<notebook>_<name>`. Characters that hosts refuse in a tool's name become `_`. What
  is longer than 64 characters is cut to 55, with `_` and 8 digits of the SHA-256 of notebook and name.
  When two names would be the same, *both* get that ending: what a name meant yesterday is never silently
  somebody else's. The way back is the table that the lists were made with.
* Resources: `hub://<notebook>/<original URI>`, templates too, as the prefix is literal in them. It is put
  before the URIs in lists, contents, embedded resources, resource links and `resources/updated`, and
  taken off those that a client sends. Structured content and text are not touched.
* Tasks: `<kernel id>.<task id>`. A round of `input_required` goes back by the name of its tool;
  `requestState` and `inputResponses` are the notebook's own, untouched.
* Progress, log messages and questions (elicitation, sampling, roots) that belong to a request arrive as
  belonging to the client's request; the progress token is the client's. Who sent a request
  (`Message.sender`), and its headers, go along.
* Lists come from a catalogue (`catalog`): one modern conversation with each notebook that hears of
  changes. All notebooks are asked at once; one that does not answer in time keeps its old list and holds
  up nobody. Lists are merged by the notebooks' names, on one page.

What a client may see is asked for each request (`Scope`): what is out of its scope is not in its lists,
and a call of it is answered as one of a name that nobody has.
"""
