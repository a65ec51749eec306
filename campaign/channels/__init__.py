"""Our ways to reach people, one provider in each file; none knows another."""
