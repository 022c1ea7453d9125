using System.Diagnostics.CodeAnalysis;
using Harness.Io;

namespace Harness.Nbd;

/// <content>
/// Finding the export that a client names. Where names choose what is served, one that is not known yet is looked up elsewhere, while nothing more is read of
/// the client and the time of its handshake stands still. The client keeps the export that it named last, so that what it negotiates and what it enters are
/// one.
/// </content>
internal sealed partial class ServerConnection
{
    private NbdExport? _named;

    /// <summary>False where there is none, and the client has been told, or where it is being looked up, and the option will be answered then.</summary>
    private bool TryFind(string name, ReadOnlySpan<byte> optionData, [NotNullWhen(true)] out NbdExport? export)
    {
        export = _server.FindExport(name) ?? (_named?.Name == name ? _named : null);
        if (export is not null)
        {
            return true;
        }

        if (_server.ByName is null)
        {
            RefuseName("there is no export of this name", "the client asked for an export that does not exist");
            return false;
        }

        LeaveNamed();
        _answering = true;
        _transport.Loop.StopTimer(_handshakeTimer);
        new ExportSearch(this, _server.ByName, name, optionData.ToArray()).Begin();
        return false;
    }

    private void OnSearched(ExportSearch search)
    {
        if (_ending != Ending.None)
        {
            if (search.Found is { } unused)
            {
                _server.ByName!.Leave(unused);
            }

            return;
        }

        _answering = false;
        _transport.Loop.StartTimer(_handshakeTimer, _transport.Loop.NowNs + _options.HandshakeTimeoutNs);
        if (search.Found is { } found)
        {
            _named = found;
            AnswerOption(search.OptionData);
        }
        else
        {
            RefuseName(search.ForClient, search.Problem);
        }

        AtTurnEnd();
    }

    private void RefuseName(string forClient, string problem)
    {
        if (_option.Option == NbdOption.ExportName)
        {
            Break($"closed: {problem}");
            return;
        }

        if (_server.ByName is not null)
        {
            _server.Log.Line($"{_transport.Peer}: {problem}");
        }

        AnswerError(OptionReplyType.ErrUnknown, forClient);
    }

    private void LeaveNamed()
    {
        if (_named is { } named)
        {
            _named = null;
            _server.ByName!.Leave(named);
        }
    }

    /// <summary>A name on its way: looked up by a thread of the pool, and posted to the connection's loop when that is done.</summary>
    private sealed class ExportSearch(ServerConnection connection, ExportsByName exports, string name, byte[] optionData) : LoopWork
    {
        public byte[] OptionData { get; } = optionData;

        public NbdExport? Found { get; private set; }

        public string Problem { get; private set; } = string.Empty;

        public string ForClient { get; private set; } = "the export cannot be opened; the server's log says why";

        public async void Begin()
        {
            try
            {
                Found = await exports.EnterAsync(name).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                // Whatever a name leads to: it is the end of this search, and of nothing else.
                Problem = e.Message;
                ForClient = (e as BlockException)?.ForClient ?? ForClient;
            }

            connection._transport.Loop.Post(this);
        }

        protected override void Run() => connection.OnSearched(this);
    }
}
