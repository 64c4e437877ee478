-- Deployments by the beginning of a commit, which would read all of an app's otherwise.
-- Forward only; never edited once released.

CREATE INDEX deployments_of_commit ON deployments (app_id, commit_sha COLLATE "C");
