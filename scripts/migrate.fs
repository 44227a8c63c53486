\ Brings a node's folder up to date with this program, and says what it did:
\   forthcoin main --datadir FOLDER migrate.fs
\ Stop the node first, and make a backup. Nothing to do is fine; a folder of a newer program is
\ refused untouched (exit code 3); what was interrupted goes on where it stopped.

init-storage
.( before) cr  schema
.( after) cr   migrate
verify-chain
bye
