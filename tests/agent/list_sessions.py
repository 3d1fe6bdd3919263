"""What the agent's own SDK lists of a home, as JSON."""

import json
import sys

from claude_agent_sdk import get_session_messages, list_sessions

listed = []
for session in list_sessions(directory=sys.argv[1] if len(sys.argv) > 1 else None):
    messages = get_session_messages(session.session_id)
    listed.append({"id": session.session_id, "summary": session.summary, "cwd": session.cwd,
                   "firstPrompt": session.first_prompt, "messages": len(messages)})
print(json.dumps(listed))
