"""The demo shop: a café chain with 5,000 members and a year of orders, made by the real rules.

``shop`` sets it up through the services, ``people`` names its members, ``year`` lets each of them
live through a year with the real calculator, ``rows`` writes it all with COPY. Nothing is random:
the same day gives the same shop.
"""
