# SPDX-License-Identifier: BSD-3-Clause
"""One MCP server that offers what all live notebooks offer, so that a host is configured once.

Towards a host it is a low-level server (`aggregate`) with sessions like any other (`session`); towards each
notebook it is a client over a link of its own (`upstream`). Its handlers forward requests, and the calls
between their rounds, the tasks and the subscriptions stay with the notebooks. Ids, time-outs, limits and
cancellation in both directions are the engine's.

What is forwarded, and how it finds its notebook (`names`):

* Tools and prompts: `<notebook>_<name>`. Characters that hosts refuse in a tool's name become `_`. What
  is longer than 64 characters is cut to 55, with `_` and 8 digits of the SHA-256 of notebook and name.
  When two names would be the same, *both* get that ending, so that a name never comes to mean the tool of
  another notebook. The way back is the table that the lists were made with.
* Resources: `hub://<notebook>/<original URI>`, templates too, as the prefix is literal in them. It is put
  before the URIs in lists, contents, embedded resources, resource links and `resources/updated`, and
  taken off those that a client sends. Structured content and text are not touched.
* Tasks: `<kernel id>.<task id>`. A round of `input_required` goes back by the name of its tool;
  `requestState` and `inputResponses` are the notebook's own and pass unchanged.
* Progress, log messages and questions (elicitation, sampling, roots) that belong to a request arrive as
  belonging to the client's request; the progress token is the client's. Who sent a request
  (`Message.sender`), and its headers, go along.
* Lists come from a catalog (`catalog`). They are merged by the notebooks' labels, on one page.

What a client may see is decided at each request (`scope`): what is out of its scope is not in its lists, and
a call of it is answered as a call of a name that does not exist.
"""
