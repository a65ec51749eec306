"""What browsers and providers reach over HTTP: the public pages and the webhooks."""
