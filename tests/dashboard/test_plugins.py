"""The page of plugins without a browser: its twin, and who may try a plugin again."""


async def test_the_twin_tells_each_plugin(net, visitor):
    folder = net.app.config.plugins_folder
    folder.mkdir(exist_ok=True)
    (folder / "wrong.py").write_text("this is no Python")
    await net.app.plugins.refresh()
    told = (await visitor.get("/dashboard/plugins.json")).json()
    assert told["folder"] == str(folder)
    (wrong,) = told["plugins"]
    assert (wrong["name"], wrong["state"]) == ("wrong", "rejected")
    assert "wrong.py:1" in wrong["problem"]
    assert "can not be used" in (await visitor.get("/dashboard/plugins")).text


async def test_an_unknown_plugin_is_told_so(visitor):
    answer = await visitor.send("/dashboard/plugins/nothing/again")
    assert answer.status == 404
    assert "no plugin" in answer.text
    assert "<h1>Plugins</h1>" in answer.text


async def test_trying_again_needs_a_key_that_operates(net):
    async with net.visitor("read") as reader:
        answer = await reader.send("/dashboard/plugins/any/again")
    assert answer.status == 403
    assert "scope operate" in answer.text
