# SPDX-License-Identifier: BSD-3-Clause
"""One MCP server that offers what all live notebooks offer, so that a host is configured once.

Towards a host it is a low-level server (`aggregate`) with server sessions (`session`); towards each notebook
it is a client over a separate link (`upstream`). Its handlers forward requests. Suspended calls, tasks and
subscriptions stay with the notebooks. The engine handles ids, time-outs, limits and cancellation in both
directions.

What is forwarded, and how it finds its notebook (`names`):

* Tools and prompts: `<notebook>_<name>`. Characters that hosts refuse in a tool's name become `_`. A name
  longer than 64 characters is cut to 55, followed by `_` and 8 digits of the SHA-256 of notebook and name. If
  two names would be equal, *both* get that ending, so that a name never comes to mean the tool of another
  notebook. Names are mapped back by the table that the lists were made with.
* Resources: `hub://<notebook>/<original URI>`, also for templates, in which this prefix is literal. The
  prefix is added to the URIs in lists, contents, embedded resources, resource links and `resources/updated`,
  and removed from those that a client sends. Structured content and text are left as they are.
* Tasks: `<kernel id>.<task id>`. A round of `input_required` goes back by the name of its tool;
  `requestState` and `inputResponses` are the notebook's own and pass unchanged.
* Progress, log messages and questions (elicitation, sampling, roots) that belong to a request arrive as part
  of the client's request; the progress token is the client's. The sender of a request (`Message.sender`) and
  its headers are forwarded.
* Lists come from a catalog (`catalog`). They are merged by the notebooks' labels, on one page.

What a client may see is decided at each request (`scope`): lists omit what is outside of its scope, and a
call of it gets the same answer as a call of an unknown name.
"""
