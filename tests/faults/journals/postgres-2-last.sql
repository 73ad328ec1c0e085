CREATE SCHEMA kalshi_journal;
CREATE TABLE kalshi_journal.entry (
    seq bigint NOT NULL,
    key text NOT NULL,
    operation text NOT NULL,
    ticker text,
    subaccount integer,
    fingerprint text NOT NULL,
    ticket text NOT NULL,
    state text NOT NULL,
    order_id text,
    verdict text,
    attempts integer NOT NULL,
    owner text NOT NULL,
    created_at bigint NOT NULL,
    sent_at bigint,
    updated_at bigint NOT NULL,
    intent text,
    CONSTRAINT entry_state_check CHECK ((state = ANY (ARRAY['intent'::text, 'sent'::text, 'unknown'::text, 'acknowledged'::text, 'refused'::text, 'not_sent'::text, 'resolved'::text])))
);
ALTER TABLE kalshi_journal.entry ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kalshi_journal.entry_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE kalshi_journal.version (
    version integer NOT NULL
);
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (2, 'd70dfe58-e11e-548b-998a-41963a442747', 'CreateOrderV2', 'KXCORPUS-26DEC31-TOLD', NULL, '49db9c5a4319d63fc8006ba805aa7b115cf166c833464cdf6e551d55d6b47237', '{"book_side":"bid","client_order_id":"d70dfe58-e11e-548b-998a-41963a442747","count":"3.00","intent":"corpus/told","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-TOLD","time_in_force":"good_till_canceled"}', 'acknowledged', 'order-told', '{"accepted":{"average_fee":null,"average_fill_price":null,"client_order_id":"d70dfe58-e11e-548b-998a-41963a442747","fill_count":"0.00","order_id":"order-told","reduced_by":null,"remaining_count":"3.00","ticker":"KXCORPUS-26DEC31-TOLD","time":"2026-11-26T13:33:20+00:00"},"raw":{"client_order_id":"d70dfe58-e11e-548b-998a-41963a442747","fill_count":"0.00","order_id":"order-told","remaining_count":"3.00","ts_ms":1795700000000}}', 0, 'bot/22645/95c875b960774bbe', 1795711855641258, NULL, 1795711855685394, 'corpus/told');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (3, 'eca0435b-918d-57e7-88be-b6d46c687406', 'CreateOrderV2', 'KXCORPUS-26DEC31-REFUSED', NULL, '6ebf9d297ec5c86774e6afbc124c8b9429295105a387a2760d6a13ec363b1392', '{"book_side":"bid","client_order_id":"eca0435b-918d-57e7-88be-b6d46c687406","count":"3.00","intent":"corpus/refused","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-REFUSED","time_in_force":"good_till_canceled"}', 'refused', NULL, '{"code":"insufficient_balance","error":"BadRequest","message":"orders.place (CreateOrderV2): the exchange answered 400 insufficient_balance: insufficient balance","status":"400"}', 0, 'bot/22729/fbc9cc03c1064828', 1795711858885548, NULL, 1795711858907053, 'corpus/refused');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (4, '1dbfba13-c3bf-5d15-890a-9718954e3fc4', 'CreateOrderV2', 'KXCORPUS-26DEC31-NOTSENT', NULL, '1aab24e33d66e11b105eda90a1304635662d72225c16ad747a58fff494377608', '{"book_side":"bid","client_order_id":"1dbfba13-c3bf-5d15-890a-9718954e3fc4","count":"3.00","intent":"corpus/not-sent","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-NOTSENT","time_in_force":"good_till_canceled"}', 'not_sent', NULL, '{"error":"NotSent","message":"orders.place (CreateOrderV2): ConnectError: refused"}', 0, 'bot/22736/a12f21970f4f4ffc', 1795711862057552, NULL, 1795711862078701, 'corpus/not-sent');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (5, '855f707f-f0d9-56b5-afa2-0e50dd1cf7f8', 'CreateOrderV2', 'KXCORPUS-26DEC31-UNTOLD', NULL, 'c3cff27a1672d58b45d58e0c5828293c8c8465ebebca15f3246ba6d941c2ca2b', '{"book_side":"bid","client_order_id":"855f707f-f0d9-56b5-afa2-0e50dd1cf7f8","count":"3.00","intent":"corpus/untold","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-UNTOLD","time_in_force":"good_till_canceled"}', 'acknowledged', 'order-untold', '{"accepted":{"average_fee":null,"average_fill_price":null,"client_order_id":"855f707f-f0d9-56b5-afa2-0e50dd1cf7f8","fill_count":"0.00","order_id":"order-untold","reduced_by":null,"remaining_count":"3.00","ticker":"KXCORPUS-26DEC31-UNTOLD","time":"2026-11-26T13:33:20+00:00"},"raw":{"client_order_id":"855f707f-f0d9-56b5-afa2-0e50dd1cf7f8","fill_count":"0.00","order_id":"order-untold","remaining_count":"3.00","ts_ms":1795700000000}}', 0, 'bot/22763/525985b694ab4c3d', 1795711864942657, NULL, 1795711864965544, 'corpus/untold');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (6, '6b8165b9-92d9-5a08-905e-cf4fcc928d7e', 'CreateOrderV2', 'KXCORPUS-26DEC31-UNKNOWNABSENT', NULL, 'f8ae74eeb8df2dfa349a48884cd960ec6aeaa5a5e4af8961a98aeb7eaa8987e9', '{"book_side":"bid","client_order_id":"6b8165b9-92d9-5a08-905e-cf4fcc928d7e","count":"3.00","intent":"corpus/unknown-absent","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-UNKNOWNABSENT","time_in_force":"good_till_canceled"}', 'unknown', NULL, NULL, 1, 'bot/22786/777d402d7ede4081', 1795711867638698, 1795711867657955, 1795711867658843, 'corpus/unknown-absent');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (7, '5bfdb237-9afa-5cde-af12-1c56f0839587', 'CreateOrderV2', 'KXCORPUS-26DEC31-UNKNOWNPRESENT', NULL, '9aaa2fc64820735e08a95cad280ca5ff2a60c064d30e0523e45a9141df38b0ef', '{"book_side":"bid","client_order_id":"5bfdb237-9afa-5cde-af12-1c56f0839587","count":"3.00","intent":"corpus/unknown-present","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-UNKNOWNPRESENT","time_in_force":"good_till_canceled"}', 'unknown', NULL, NULL, 1, 'bot/22797/889417eac5824e98', 1795711869265453, 1795711869273767, 1795711869276050, 'corpus/unknown-present');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (8, 'cc8c6f07-0156-5db8-aa8f-c292a364248f', 'CreateOrderV2', 'KXCORPUS-26DEC31-RESERVED', NULL, 'f12fe7a0720b2747b5155056a026da17b9bc5535c6a6ab6b1d5e3ab0fbb0b215', '{"book_side":"bid","client_order_id":"cc8c6f07-0156-5db8-aa8f-c292a364248f","count":"3.00","intent":"corpus/reserved","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-RESERVED","time_in_force":"good_till_canceled"}', 'intent', NULL, NULL, 0, 'bot/22804/f1da57541e214659', 1795711870816305, NULL, 1795711870816305, 'corpus/reserved');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (9, '7e30b198-4f03-5bea-b85c-01e3ef5f5a6c', 'CreateOrderV2', 'KXCORPUS-26DEC31-SENT', NULL, 'd025cd4cad61a073bdf7f582389a504bd6c1454ae76eddbbe6cb88744f4e288e', '{"book_side":"bid","client_order_id":"7e30b198-4f03-5bea-b85c-01e3ef5f5a6c","count":"3.00","intent":"corpus/sent","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-SENT","time_in_force":"good_till_canceled"}', 'intent', NULL, NULL, 0, 'bot/22818/d4818e702e3a4aff', 1795711872494384, NULL, 1795711872494384, 'corpus/sent');
INSERT INTO kalshi_journal.version VALUES (2);
SELECT pg_catalog.setval('kalshi_journal.entry_seq_seq', 9, true);
ALTER TABLE ONLY kalshi_journal.entry
    ADD CONSTRAINT entry_intent_key UNIQUE (intent);
ALTER TABLE ONLY kalshi_journal.entry
    ADD CONSTRAINT entry_key_key UNIQUE (key);
ALTER TABLE ONLY kalshi_journal.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (seq);
CREATE INDEX entry_open ON kalshi_journal.entry USING btree (ticker) WHERE (state = ANY (ARRAY['intent'::text, 'sent'::text, 'unknown'::text]));
