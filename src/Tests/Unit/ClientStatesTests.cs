using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The table of states: complete, and obeyed.</summary>
public class ClientStatesTests
{
    [Fact]
    public void Every_state_has_a_sentence_and_every_state_but_the_last_an_exit()
    {
        Assert.All(Enum.GetValues<ReadState>(), state => Assert.NotEmpty(ClientStates.Sentence(state)));
        Assert.All(Enum.GetValues<WriteState>(), state => Assert.NotEmpty(ClientStates.Sentence(state)));
        Assert.All(Enum.GetValues<ReadState>()[..^1], state => Assert.Contains(ReadState.Ended, ClientStates.Exits(state)));
        Assert.All(Enum.GetValues<WriteState>()[..^1], state => Assert.Contains(WriteState.Ended, ClientStates.Exits(state)));
        Assert.All(Enum.GetValues<ReadState>(), state => Assert.NotEmpty(ClientStates.WaitsFor(state)));
        Assert.All(Enum.GetValues<WriteState>(), state => Assert.NotEmpty(ClientStates.WaitsFor(state)));
        Assert.Empty(ClientStates.Exits(ReadState.Ended));
        Assert.Empty(ClientStates.Exits(WriteState.Ended));
    }

    [Fact]
    public void A_transition_goes_exactly_where_the_table_says()
    {
        foreach (ReadState from in Enum.GetValues<ReadState>())
        {
            foreach (ReadState to in Enum.GetValues<ReadState>())
            {
                bool legal = ClientStates.Exits(from).Contains(to);
                Assert.Equal(legal, Record.Exception(() => ClientStates.Go(from, to)) is null);
            }
        }

        var illegal = Assert.Throws<InvalidOperationException>(() => ClientStates.Go(WriteState.Ready, WriteState.Sending));
        Assert.Contains("Sending", illegal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_stand_in_the_order_of_their_enums()
    {
        Assert.Equal("nothing more is received", ClientStates.Sentence(ReadState.Ended));
        Assert.Equal("sending DISC", ClientStates.Sentence(WriteState.Disconnecting));
        Assert.Equal("waiting for a reply's header", ClientStates.Sentence(ReadState.ReplyHeader));
        Assert.Equal("the table of requests in flight is full", ClientStates.Sentence(WriteState.Full));
        Assert.Equal("the rest of the reply", ClientStates.WaitsFor(WriteState.Paused));
    }
}
