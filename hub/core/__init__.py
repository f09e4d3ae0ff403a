"""The pure middle of the hub: parties, messages, the catalogue of modules, and routing. No I/O, no clock."""
