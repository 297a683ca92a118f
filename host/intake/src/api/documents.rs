//! `/v1/documents`: what readers see, and documents given or deleted by hand. Both go through the journal like everything else.

use apex_model::document::{Document, Entity, Op, Relation};
use apex_model::event::{EventOrigin, NewEvent};
use apex_model::ids::{DocumentId, SourceName, TraceId};
use apex_model::reading::{DocumentFilter, DocumentView, VersionLine};
use apex_model::{Code, Failure, Timestamp};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::extract::{InJson, InPath, InQuery};
use super::page::{self, LIMIT_DEFAULT, LIMIT_MAX};
use super::problem::Problem;
use super::wait::{self, Ingested, WaitParams};
use super::{ApiState, schema};
use crate::acceptor;

/// Which documents to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only this source.
    source: Option<String>,
    /// Only this kind.
    kind: Option<String>,
    /// 1 to 1000; default 50.
    limit: Option<u32>,
    /// Only those after this id: the last one of the page before.
    after: Option<String>,
}

/// Live documents, by id.
#[utoipa::path(
    get, path = "/v1/documents", tag = "documents", params(ListParams),
    responses((status = 200, description = "One page; `Link` names the next", body = [schema::DocumentLine]))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InQuery(params): InQuery<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let filter = DocumentFilter {
        source: params.source.as_deref().map(acceptor::source_name).transpose()?,
        kind: params.kind.clone(),
        limit,
        after: params.after.map(DocumentId::from_text),
    };
    let lines = state.ports().documents.documents(filter).await?;
    Ok(page::page(&lines, limit, "/v1/documents", |last| {
        let mut query = vec![("after", last.id.to_string()), ("limit", limit.to_string())];
        query.extend(params.source.map(|source| ("source", source)));
        query.extend(params.kind.map(|kind| ("kind", kind)));
        query
    }))
}

/// One document as readers see it.
#[utoipa::path(
    get, path = "/v1/documents/{id}", tag = "documents",
    params(("id" = String, Path, description = "`<source>:<id>`, percent-encoded")),
    responses(
        (status = 200, description = "The live version", body = schema::Document),
        (status = 404, description = "There is no live one", body = Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Json<DocumentView>, Problem> {
    live(&state, &DocumentId::from_text(id)).await.map(Json)
}

/// Every version of a document, newest first.
#[utoipa::path(
    get, path = "/v1/documents/{id}/history", tag = "documents",
    params(("id" = String, Path, description = "`<source>:<id>`, percent-encoded")),
    responses(
        (status = 200, description = "Its versions and who wrote them", body = [schema::Version]),
        (status = 404, description = "There never was one", body = Problem),
    )
)]
pub(super) async fn history(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Json<Vec<VersionLine>>, Problem> {
    let id = DocumentId::from_text(id);
    let versions = state.ports().documents.history(&id).await?;
    if versions.is_empty() { Err(no_document(&id).into()) } else { Ok(Json(versions)) }
}

/// A document given by a client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDocument {
    /// The source it belongs to.
    source: String,
    /// One lower-case word or words joined by `_`.
    kind: String,
    /// Unique within the source; default: made of the content, so that giving it twice changes nothing.
    id: Option<String>,
    /// One line.
    #[serde(default)]
    title: String,
    /// What is searched.
    content: String,
    /// `text/plain` (default), `text/markdown` or `text/html`.
    media_type: Option<String>,
    /// RFC 3339.
    occurred_at: Option<String>,
    /// One JSON object.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
    /// Entities it speaks of.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Entity>)]
    entities: Vec<Entity>,
    /// Relations among them.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Relation>)]
    relations: Vec<Relation>,
}

impl NewDocument {
    fn into_document(self) -> Result<Document, Failure> {
        let mut document = Document {
            id: self.id.unwrap_or_default(),
            kind: self.kind,
            op: Op::Upsert,
            title: self.title,
            content: self.content,
            media_type: self.media_type.unwrap_or_else(|| "text/plain".to_owned()),
            occurred_at: self.occurred_at,
            sequence: None,
            metadata: self.metadata.map_or_else(|| "{}".to_owned(), |metadata| metadata.get().to_owned()),
            entities: self.entities,
            relations: self.relations,
            attachments: Vec::new(),
        };
        if document.id.is_empty() {
            document.id = document.content_hash().to_string();
        }
        let invalid =
            |what: String| Failure::never(Code::DOCUMENT_INVALID, what).next("correct the document and send it again");
        document.check().map_err(invalid)?;
        match document.occurred_at.as_deref().filter(|text| Timestamp::parse(text).is_none()) {
            Some(text) => Err(invalid(format!("occurred_at `{}` is not an RFC 3339 time", text.escape_default()))),
            None => Ok(document),
        }
    }
}

/// Takes a document in.
#[utoipa::path(
    post, path = "/v1/documents", tag = "documents", params(WaitParams), request_body = NewDocument,
    responses(
        (status = 202, description = "Durable; to be worked off", body = Ingested),
        (status = 200, description = "With `wait`: worked off", body = Ingested),
        (status = 404, description = "There is no such source", body = Problem),
        (status = 422, description = "The document breaks a rule", body = Problem),
        (status = 503, description = "Cannot be made durable now", body = Problem),
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    InQuery(params): InQuery<WaitParams>,
    headers: HeaderMap,
    InJson(given): InJson<NewDocument>,
) -> Result<Response, Problem> {
    let source = state.sources().get(&given.source).ok_or_else(|| acceptor::unknown_source(&given.source))?;
    let document = given.into_document()?;
    take_in(&state, &source.name, document, state.traces().of(&headers), params).await
}

/// Deletes a document: a new version of it that readers do not see.
#[utoipa::path(
    delete, path = "/v1/documents/{id}", tag = "documents",
    params(("id" = String, Path, description = "`<source>:<id>`, percent-encoded"), WaitParams),
    responses(
        (status = 202, description = "Durable; to be worked off", body = Ingested),
        (status = 200, description = "With `wait`: worked off", body = Ingested),
        (status = 404, description = "There is no live one", body = Problem),
    )
)]
pub(super) async fn remove(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(params): InQuery<WaitParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = live(&state, &DocumentId::from_text(id)).await?;
    let local = view.id.as_str().strip_prefix(view.source.as_str()).and_then(|rest| rest.strip_prefix(':'));
    let tombstone = Document {
        id: local.unwrap_or(view.id.as_str()).to_owned(),
        kind: view.kind,
        op: Op::Delete,
        title: String::new(),
        content: String::new(),
        media_type: "text/plain".to_owned(),
        occurred_at: None,
        sequence: None,
        metadata: "{}".to_owned(),
        entities: Vec::new(),
        relations: Vec::new(),
        attachments: Vec::new(),
    };
    take_in(&state, &view.source, tombstone, state.traces().of(&headers), params).await
}

async fn take_in(
    state: &ApiState,
    source: &SourceName,
    document: Document,
    trace: TraceId,
    params: WaitParams,
) -> Result<Response, Problem> {
    let document_id = DocumentId::new(source, &document.id);
    let (path, priority) = state.sources().route(source, document_id.as_str());
    let origin = EventOrigin { source: source.clone(), path, priority, received_at: Timestamp::now(), trace };
    let event = NewEvent::from_documents(origin, &[document])
        .map_err(|error| Failure::never(Code::INTERNAL, format!("the document cannot be written as JSON: {error}")))?;
    let appended = acceptor::append(state.ports().inbox.as_ref(), event).await?;
    wait::answer(state, appended, Some(document_id), params).await
}

async fn live(state: &ApiState, id: &DocumentId) -> Result<DocumentView, Problem> {
    let view = state.ports().documents.document(id).await?;
    view.ok_or_else(|| no_document(id).into())
}

fn no_document(id: &DocumentId) -> Failure {
    Failure::not_found(format!("there is no document `{}`", id.as_str().escape_default()))
        .next("`apex document list` shows those there are")
}
