"""Events: records of JSON Lines and CSV, their fields and keys, and declarations of beliefs."""
